import { inNode } from "./suites/node.ts";
import { rankerSuite } from "./suites/rankerSuite.ts";

rankerSuite(inNode);
