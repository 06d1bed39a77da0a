import { inNode } from "./suites/node.ts";
import { paritySuite } from "./suites/paritySuite.ts";
import { ortWebTolerances } from "./suites/tolerances.ts";

paritySuite(inNode, ortWebTolerances);
