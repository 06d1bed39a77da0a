import { idsSuite } from "./suites/idsSuite.ts";
import { inWorkerd } from "./suites/workerd.ts";

idsSuite(inWorkerd);
