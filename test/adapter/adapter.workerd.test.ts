/** Every suite of the adapter once more, inside workerd. One file, since importing ONNX Runtime takes seconds. */
import { bundleSuite } from "./suites/bundleSuite.ts";
import { engineSuite } from "./suites/engineSuite.ts";
import { idsSuite } from "./suites/idsSuite.ts";
import { paritySuite } from "./suites/paritySuite.ts";
import { rankerSuite } from "./suites/rankerSuite.ts";
import { ortWebTolerances, simdTolerances } from "./suites/tolerances.ts";
import { inWorkerd, inWorkerdWithSimd } from "./suites/workerd.ts";

idsSuite(inWorkerd);
bundleSuite(inWorkerd);
rankerSuite(inWorkerd);
rankerSuite(inWorkerdWithSimd);
engineSuite(inWorkerd);
paritySuite(inWorkerd, ortWebTolerances);
paritySuite(inWorkerdWithSimd, simdTolerances);
