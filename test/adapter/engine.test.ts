import { engineSuite } from "./suites/engineSuite.ts";
import { inNode } from "./suites/node.ts";

engineSuite(inNode);
