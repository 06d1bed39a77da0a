import { rankerSuite } from "./suites/rankerSuite.ts";
import { inWorkerd } from "./suites/workerd.ts";

rankerSuite(inWorkerd);
