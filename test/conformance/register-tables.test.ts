import { EDU_REGISTERS } from "../../devices/edu/registers.ts";
import * as exanic from "../../devices/exanic/registers.ts";
import * as feedHandler from "../../devices/feed-handler/registers.ts";
import * as ixgbe from "../../devices/ixgbe/registers.ts";
import { registerTable } from "../../harness/conformance/register-table.ts";
import { runChecks } from "./run-checks.ts";

runChecks(registerTable("edu", EDU_REGISTERS));
runChecks(registerTable("ixgbe", ixgbe.IXGBE_REGISTER_MAP, Object.entries(ixgbe)));
runChecks(registerTable("exanic", exanic.EXANIC_REGISTER_MAP, Object.entries(exanic)));
runChecks(registerTable("feed-handler", feedHandler.FEED_HANDLER_REGISTER_MAP, Object.entries(feedHandler)));
