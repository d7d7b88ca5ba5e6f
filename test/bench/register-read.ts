/** What a register read costs a client of vfio-user, beside a bare message there and back over a socket. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ixgbe } from "../../devices/ixgbe/index.ts";
import * as p from "../../harness/vfio-user/protocol.ts";
import { VfioUserServer } from "../../harness/vfio-user/server.ts";
import { median } from "./figures.ts";

export interface RegisterReadFigures {
  readonly form: "by Node alone" | "with descriptors";
  readonly readNs: number;
  readonly bareNs: number;
}

const TRIPS = 5_000;
const WARM_UP = 1_000;
const STATUS = 0x00008;

export async function registerReadFigures(rounds: number): Promise<RegisterReadFigures[]> {
  const folder = mkdtempSync(join(tmpdir(), "softbar-register-"));
  try {
    const figures: RegisterReadFigures[] = [];
    for (const descriptors of ["never", "auto"] as const) {
      const reads: number[] = [];
      const bares: number[] = [];
      for (let round = 0; round < rounds; round++) {
        bares.push(await bareTrip(join(folder, "bare")));
        const path = join(folder, "card");
        await using server = await VfioUserServer.listen(ixgbe(), path, { descriptors });
        if (descriptors === "auto" && !server.hasDescriptors) return figures;
        reads.push(await registerRead(path));
      }
      const form = descriptors === "never" ? "by Node alone" : "with descriptors";
      figures.push({ form, readNs: median(reads), bareNs: median(bares) });
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A message of a read's size, sent back by a server that does nothing else. */
async function bareTrip(path: string): Promise<number> {
  const server = createServer((socket) => socket.on("data", (bytes) => socket.write(bytes)));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const socket = await opened(path);
  const durationNs = await timed(socket, Buffer.alloc(p.HEADER_BYTES + 16));
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  return durationNs;
}

async function registerRead(path: string): Promise<number> {
  const socket = await opened(path);
  const version = Buffer.concat([Buffer.alloc(4), Buffer.from("{}\0")]);
  await trip(socket, p.messageOf(1, p.VERSION, 0, version));
  const access = Buffer.alloc(16);
  access.writeBigUInt64LE(BigInt(STATUS), 0);
  access.writeUInt32LE(4, 12);
  const durationNs = await timed(socket, p.messageOf(2, p.REGION_READ, 0, access));
  socket.destroy();
  return durationNs;
}

async function timed(socket: Socket, message: Buffer): Promise<number> {
  for (let count = 0; count < WARM_UP; count++) await trip(socket, message);
  const start = performance.now();
  for (let count = 0; count < TRIPS; count++) await trip(socket, message);
  return ((performance.now() - start) * 1e6) / TRIPS;
}

function trip(socket: Socket, message: Buffer): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once("data", resolve);
    socket.write(message);
  });
}

function opened(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.once("error", reject);
  });
}
