#!/usr/bin/env node
/** The command line with all that there is: devices, the drivers to replay into, and races to explore. */

import { main } from "../harness/cli/main.ts";
import { CATALOGUE } from "./catalogue.ts";

const EXTENSION = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const RACES = new URL(`./races/index${EXTENSION}`, import.meta.url).href;

process.exitCode = await main(process.argv.slice(2), CATALOGUE, RACES);
