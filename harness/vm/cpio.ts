import { gzipSync } from "node:zlib";

const TRAILER = "TRAILER!!!";
const DIRECTORY = 0o040755;
const REGULAR = 0o100000;
const LINK = 0o120777;

/** What the kernel unpacks into its root before it runs /init: a cpio archive in the "newc" form (Linux, buffer-format.rst). */
export class Initramfs {
  readonly #parts: Uint8Array[] = [];
  readonly #names = new Set<string>();
  #inode = 1;

  /** Adds a file, and the folders above it. `path` has no slash in front. The later of two files of one path counts. */
  file(path: string, content: Uint8Array | string, mode = 0o644): void {
    this.#folders(path);
    this.#entry(path, REGULAR | mode, typeof content === "string" ? new TextEncoder().encode(content) : content);
  }

  /** Adds a symbolic link. */
  link(path: string, target: string): void {
    this.#folders(path);
    this.#entry(path, LINK, new TextEncoder().encode(target));
  }

  folder(path: string): void {
    this.#folders(`${path}/x`);
  }

  /** The archive, in gzip. */
  pack(): Uint8Array {
    const tail = new Initramfs();
    tail.#entry(TRAILER, 0, new Uint8Array());
    return gzipSync(Buffer.concat([...this.#parts, ...tail.#parts]), { level: 1 });
  }

  #folders(path: string): void {
    const names = path.split("/").slice(0, -1);
    for (let depth = 1; depth <= names.length; depth++) {
      const folder = names.slice(0, depth).join("/");
      if (!this.#names.has(folder)) this.#entry(folder, DIRECTORY, new Uint8Array());
      this.#names.add(folder);
    }
  }

  #entry(path: string, mode: number, content: Uint8Array): void {
    const name = new TextEncoder().encode(`${path}\0`);
    // magic, inode, mode, uid, gid, links, mtime, file size, device and rdevice (major, minor each), name size, check
    const fields = [this.#inode++, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
    this.#parts.push(padded(Buffer.concat([new TextEncoder().encode(header), name])), padded(content));
  }
}

/** Names and contents begin at multiples of four. */
function padded(bytes: Uint8Array): Uint8Array {
  const rest = (4 - (bytes.length & 3)) & 3;
  return rest === 0 ? bytes : Buffer.concat([bytes, new Uint8Array(rest)]);
}
