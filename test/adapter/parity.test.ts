import { inNode, inNodeWithSimd } from "./suites/node.ts";
import { paritySuite } from "./suites/paritySuite.ts";
import { ortWebTolerances, simdTolerances } from "./suites/tolerances.ts";

paritySuite(inNode, ortWebTolerances);
paritySuite(inNodeWithSimd, simdTolerances);
