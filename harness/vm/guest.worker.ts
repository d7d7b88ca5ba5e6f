/** The thread of a guest: the emulator, and the device folded into it. A shell around {@link GuestThread}. */
import { workerData } from "node:worker_threads";
import { exposeControl } from "../../emulator/run/control.ts";
import { GuestThread, type GuestThreadData } from "./guest-thread.ts";

exposeControl(await GuestThread.start(workerData as GuestThreadData));
