import { idsSuite } from "./suites/idsSuite.ts";
import { inNode } from "./suites/node.ts";

idsSuite(inNode);
