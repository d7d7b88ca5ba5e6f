import { afterEach } from "vitest";
import { failOnOpenTestbeds } from "../../harness/index.ts";

/** What the README asks its readers to do: a test that leaves a testbed open fails, and says where it was plugged in. */
afterEach(failOnOpenTestbeds);
