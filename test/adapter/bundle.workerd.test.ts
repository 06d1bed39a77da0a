import { bundleSuite } from "./suites/bundleSuite.ts";
import { inWorkerd } from "./suites/workerd.ts";

bundleSuite(inWorkerd);
