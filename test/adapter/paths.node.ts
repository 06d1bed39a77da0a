/** Where the tests find the shipped bundle and the golden files that Python writes. */
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../", import.meta.url));

/** models/mini, or another bundle named by MEDADAPTER_TEST_BUNDLE. */
export const bundlePath = process.env.MEDADAPTER_TEST_BUNDLE ?? `${repository}models/mini`;
export const fixturePath = process.env.MEDADAPTER_TEST_FIXTURES ?? `${repository}test/fixtures`;
export const recordedPath = `${repository}examples/recorded`;
