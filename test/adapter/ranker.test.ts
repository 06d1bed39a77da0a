import { inNode, inNodeWithSimd } from "./suites/node.ts";
import { rankerSuite } from "./suites/rankerSuite.ts";

rankerSuite(inNode);
rankerSuite(inNodeWithSimd);
