import { bundleSuite } from "./suites/bundleSuite.ts";
import { inNode } from "./suites/node.ts";

bundleSuite(inNode);
