import { engineSuite } from "./suites/engineSuite.ts";
import { inWorkerd } from "./suites/workerd.ts";

engineSuite(inWorkerd);
