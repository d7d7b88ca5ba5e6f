#!/usr/bin/env node
/** The command line with all that there is: devices, and the drivers to replay into. */

import { main } from "../harness/cli/main.ts";
import { CATALOGUE } from "./catalogue.ts";

process.exitCode = await main(process.argv.slice(2), CATALOGUE);
