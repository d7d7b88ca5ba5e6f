/**
 * The few calls of Linux that Node does not make: descriptors over sockets, files mapped into memory, event descriptors.
 * Through the package koffi, which is optional: everything that does without them works without it.
 */

/** What is used of koffi. */
interface Koffi {
  load(path: string): { func(prototype: string): ForeignFunction };
  view(address: bigint, byteLength: number): ArrayBuffer;
  errno(): number;
}

interface ForeignFunction {
  (...parameters: readonly unknown[]): number | bigint;
  async(...parameters: readonly unknown[]): void;
}

/** Memory that is mapped into this process. It must not be touched after {@link Libc.unmap}. */
export interface MappedFile {
  readonly address: bigint;
  readonly byteLength: number;
  readonly buffer: ArrayBuffer;
}

/** As {@link MappedFile}, of any length: in views that overlap. */
export interface MappedSlices {
  readonly address: bigint;
  readonly byteLength: number;
  readonly slices: readonly ArrayBuffer[];
}

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC_NONBLOCK = 1 | 0o2000000 | 0o4000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const POLLOUT = 4;
const EPOLLIN_ONESHOT = 0x1 | 0x4000_0000;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const F_GETFL = 3;
const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_RDWR = 2;
const O_APPEND = 0o2000;
const O_PATH = 0o10000000;
const F_GET_SEALS = 1034;
const F_SEAL_SHRINK = 0x2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_CTRUNC = 8;
const SHUT_RDWR = 2;
const FUTEX_CALL: number = process.arch === "arm64" ? 98 : 202;
const FUTEX_WAIT = 0;
const ENOENT = 2;
const EINTR = 4;
const EAGAIN = 11;
const ECONNABORTED = 103;
const BACKLOG = 512;
const UNIX_PATH_BYTES = 108;

/** Layout of the scratch for {@link Libc.receive}: msghdr, iovec, control, data (socket(7), cmsg(3); 64-bit Linux). */
const IOVEC_AT = 64;
const CONTROL_AT = 128;
/** As many descriptors as the kernel lets through with one message (SCM_MAX_FD, 253). */
const CONTROL_BYTES = 1040;
const DATA_AT: number = CONTROL_AT + CONTROL_BYTES;
const DATA_BYTES = 256 << 10;
/** Of poll(2) and epoll_wait(2). What a thread waits for in the kernel must stay where it is: no memory of the engine's does. */
const POLL_AT: number = DATA_AT + DATA_BYTES;
const EVENTS_AT: number = POLL_AT + 8;
const EVENT_COUNT = 64;
/** A struct epoll_event: packed on x86 alone. */
const EVENT_BYTES: number = process.arch === "x64" ? 12 : 16;
/** struct flock of fcntl(2): type, whence, start, length, process. */
const LOCK_AT: number = EVENTS_AT + EVENT_BYTES * EVENT_COUNT;
const SCRATCH_BYTES: number = LOCK_AT + 32;
const F_WRLCK = 1;
const F_UNLCK = 2;
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;

/** What came over a socket. */
export interface ReceivedBytes {
  readonly bytes: Buffer;
  readonly descriptors: readonly number[];
  /** More descriptors came than could be taken: this process has no room for them. */
  readonly areDescriptorsLost: boolean;
}

export class Libc {
  readonly #koffi: Koffi;
  readonly #calls: Readonly<Record<string, ForeignFunction>>;
  readonly #scratch: DataView;
  readonly #scratchAddress: bigint;
  readonly #scratchBytes: Buffer;
  /** A timespec. */
  readonly #limit = Buffer.alloc(16);
  readonly #event = Buffer.alloc(EVENT_BYTES);

  private constructor(koffi: Koffi) {
    this.#koffi = koffi;
    const libc = koffi.load("libc.so.6");
    const prototypes = {
      mmap: "uintptr_t mmap(uintptr_t addr, size_t length, int prot, int flags, int fd, int64_t offset)",
      munmap: "int munmap(uintptr_t addr, size_t length)",
      fcntl: "int fcntl(int fd, int command, int64_t argument)",
      socket: "int socket(int domain, int type, int protocol)",
      bind: "int bind(int fd, void *addr, uint32_t length)",
      listen: "int listen(int fd, int backlog)",
      accept4: "int accept4(int fd, void *addr, void *length, int flags)",
      poll: "int poll(uintptr_t fds, uint64_t count, int timeoutMs)",
      epoll_create1: "int epoll_create1(int flags)",
      epoll_ctl: "int epoll_ctl(int epfd, int operation, int fd, void *event)",
      epoll_wait: "int epoll_wait(int epfd, uintptr_t events, int count, int timeoutMs)",
      recvmsg: "int64_t recvmsg(int fd, uintptr_t message, int flags)",
      send: "int64_t send(int fd, void *bytes, size_t length, int flags)",
      write: "int64_t write(int fd, void *bytes, size_t length)",
      shutdown: "int shutdown(int fd, int how)",
      close: "int close(int fd)",
      syscall:
        "long syscall(long number, uintptr_t word, int operation, uint32_t value, void *limit, uintptr_t other, uint32_t mask)",
    };
    this.#calls = Object.fromEntries(Object.entries(prototypes).map(([name, text]) => [name, libc.func(text)]));
    const address = this.#map(-1, 0, SCRATCH_BYTES, true, MAP_PRIVATE_ANONYMOUS);
    const buffer = koffi.view(address, SCRATCH_BYTES);
    this.#scratch = new DataView(buffer);
    this.#scratchBytes = Buffer.from(buffer);
    const pointers: readonly (readonly [number, bigint])[] = [
      [16, address + BigInt(IOVEC_AT)],
      [24, 1n],
      [32, address + BigInt(CONTROL_AT)],
      [IOVEC_AT, address + BigInt(DATA_AT)],
      [IOVEC_AT + 8, BigInt(DATA_BYTES)],
    ];
    for (const [at, value] of pointers) this.#scratch.setBigUint64(at, value, true);
    this.#scratchAddress = address;
  }

  /** The same one in all of a thread. Undefined where koffi is not installed, or the system is no 64-bit Linux. */
  static load(): Promise<Libc | undefined> {
    loading ??= Libc.#load();
    return loading;
  }

  static async #load(): Promise<Libc | undefined> {
    if (process.platform !== "linux" || (process.arch !== "x64" && process.arch !== "arm64")) return undefined;
    try {
      const loaded = (await import("koffi")) as unknown as { readonly default: Koffi };
      return new Libc(loaded.default);
    } catch {
      return undefined;
    }
  }

  // ---- memory ------------------------------------------------------------------------------------------------------

  /** Maps part of a file, shared. `fileOffset` is a multiple of the page. @throws Error naming the errno. */
  mapFile(descriptor: number, fileOffset: number, byteLength: number, canWrite: boolean): MappedFile {
    const address = this.#map(descriptor, fileOffset, byteLength, canWrite, MAP_SHARED);
    return { address, byteLength, buffer: this.#koffi.view(address, byteLength) };
  }

  /**
   * As {@link mapFile}, in views of `sliceBytes`, each of which goes on for `overlapBytes` into the next one: an access that
   * is no longer than that lies within the view where it begins.
   */
  mapSlices(
    descriptor: number,
    fileOffset: number,
    byteLength: number,
    canWrite: boolean,
    { sliceBytes, overlapBytes }: { readonly sliceBytes: number; readonly overlapBytes: number },
  ): MappedSlices {
    const address = this.#map(descriptor, fileOffset, byteLength, canWrite, MAP_SHARED);
    try {
      const slices = Array.from({ length: Math.ceil(byteLength / sliceBytes) }, (_, nth) => {
        const at = nth * sliceBytes;
        return this.#koffi.view(address + BigInt(at), Math.min(sliceBytes + overlapBytes, byteLength - at));
      });
      return { address, byteLength, slices };
    } catch (error) {
      this.unmap({ address, byteLength });
      throw error;
    }
  }

  /**
   * Whether a file lies in memory, and if so, whether nobody can make it shorter any more (memfd_create(2),
   * F_SEAL_SHRINK): mapped, such a file never faults. Asks the kernel alone and no file system, which could be slow.
   */
  kindOf(descriptor: number): "sealed" | "in memory" | "elsewhere" {
    const seals = Number(this.#call("fcntl", descriptor, F_GET_SEALS, 0));
    if (seals < 0) return "elsewhere";
    return (seals & F_SEAL_SHRINK) !== 0 ? "sealed" : "in memory";
  }

  /** Whether a file is open to be read, and written in any place if that is wanted. */
  isOpenFor(descriptor: number, canWrite: boolean): boolean {
    const flags = Number(this.#call("fcntl", descriptor, F_GETFL, 0));
    if (flags < 0 || (flags & O_PATH) !== 0) return false;
    const mode = flags & O_ACCMODE;
    return canWrite ? mode === O_RDWR && (flags & O_APPEND) === 0 : mode === O_RDONLY || mode === O_RDWR;
  }

  unmap({ address, byteLength }: Pick<MappedFile, "address" | "byteLength">): void {
    this.#call("munmap", address, byteLength);
  }

  #map(descriptor: number, fileOffset: number, byteLength: number, canWrite: boolean, flags: number): bigint {
    const protection = canWrite ? PROT_READ | PROT_WRITE : PROT_READ;
    const address = BigInt(this.#call("mmap", 0, byteLength, protection, flags, descriptor, fileOffset));
    if (BigInt.asIntN(64, address) === -1n) throw new Error(`mmap failed with errno ${this.#koffi.errno()}`);
    return address;
  }

  /**
   * Sleeps while the 32-bit word at an address of mapped memory has a value, at most so long. Another process wakes it by
   * FUTEX_WAKE on the same file (futex(2)).
   */
  waitForWord(address: bigint, value: number, limitMs: number): void {
    this.#limit.writeBigInt64LE(BigInt(Math.floor(limitMs / 1000)), 0);
    this.#limit.writeBigInt64LE(BigInt((limitMs % 1000) * 1e6), 8);
    this.#call("syscall", FUTEX_CALL, address, FUTEX_WAIT, value, this.#limit, 0, 0);
  }

  // ---- locks of files: they go with the last descriptor of an opening, however its process ends (fcntl(2), F_OFD_SETLK) ---

  /** Locks a byte of an open file for this opening of it. False when another opening has it. */
  lock(descriptor: number, byte: number): boolean {
    return Number(this.#call("fcntl", descriptor, F_OFD_SETLK, this.#lockOf(byte))) === 0;
  }

  /** Whether another opening of the file has locked a byte. */
  isLocked(descriptor: number, byte: number): boolean {
    const place = this.#lockOf(byte);
    this.#need("fcntl", descriptor, F_OFD_GETLK, place);
    return this.#scratch.getInt16(LOCK_AT, true) !== F_UNLCK;
  }

  #lockOf(byte: number): bigint {
    const scratch = this.#scratch;
    scratch.setInt16(LOCK_AT, F_WRLCK, true);
    scratch.setInt16(LOCK_AT + 2, 0, true);
    scratch.setBigInt64(LOCK_AT + 8, BigInt(byte), true);
    scratch.setBigInt64(LOCK_AT + 16, 1n, true);
    scratch.setBigInt64(LOCK_AT + 24, 0n, true);
    return this.#scratchAddress + BigInt(LOCK_AT);
  }

  // ---- sockets -----------------------------------------------------------------------------------------------------

  /** A listening UNIX socket. @throws Error naming the errno. */
  listen(path: string): number {
    const name = Buffer.alloc(2 + UNIX_PATH_BYTES);
    if (Buffer.byteLength(path) >= UNIX_PATH_BYTES)
      throw new Error(`${path}: a socket's path has less than ${UNIX_PATH_BYTES} bytes`);
    name.writeUInt16LE(AF_UNIX, 0);
    name.write(path, 2);
    const descriptor = this.#need("socket", AF_UNIX, SOCK_STREAM_CLOEXEC_NONBLOCK, 0);
    try {
      this.#need("bind", descriptor, name, name.length);
      this.#need("listen", descriptor, BACKLOG);
      return descriptor;
    } catch (error) {
      this.close(descriptor);
      throw error;
    }
  }

  /** The next connection; undefined when none waits, "no room" when one does and this process can open nothing more. */
  accept(listener: number): number | undefined | "no room" {
    const descriptor = Number(this.#call("accept4", listener, null, null, SOCK_STREAM_CLOEXEC_NONBLOCK & ~1));
    if (descriptor >= 0) return descriptor;
    return [EAGAIN, EINTR, ECONNABORTED].includes(this.#koffi.errno()) ? undefined : "no room";
  }

  // ---- waiting -----------------------------------------------------------------------------------------------------

  /** An epoll(7) instance. @throws Error naming the errno. */
  createEpoll(): number {
    return this.#need("epoll_create1", EPOLL_CLOEXEC);
  }

  /** Watches a descriptor for something to read, or its peer's end, until it is told once. May be called while a thread waits. */
  watch(epoll: number, descriptor: number): void {
    const event = this.#event;
    event.writeUInt32LE(EPOLLIN_ONESHOT, 0);
    event.writeBigUInt64LE(BigInt(descriptor), EVENT_BYTES - 8);
    if (Number(this.#call("epoll_ctl", epoll, EPOLL_CTL_MOD, descriptor, event)) === 0) return;
    if (this.#koffi.errno() !== ENOENT) throw new Error(`epoll_ctl failed with errno ${this.#koffi.errno()}`);
    this.#need("epoll_ctl", epoll, EPOLL_CTL_ADD, descriptor, event);
  }

  /**
   * Calls back with the watched descriptors that are ready, after a time with none. One call at a time: it occupies a thread
   * of Node's pool meanwhile.
   */
  whenReady(epoll: number, limitMs: number, callback: (descriptors: readonly number[]) => void): void {
    const wait = this.#calls.epoll_wait as ForeignFunction;
    const at = this.#scratchAddress + BigInt(EVENTS_AT);
    wait.async(epoll, at, EVENT_COUNT, limitMs, (_error: unknown, count: number) => {
      const ready: number[] = [];
      for (let nth = 0; nth < count; nth++) {
        ready.push(Number(this.#scratch.getBigUint64(EVENTS_AT + (nth + 1) * EVENT_BYTES - 8, true)));
      }
      callback(ready);
    });
  }

  // ---- bytes -------------------------------------------------------------------------------------------------------

  /** What is there to read; undefined when nothing is, "end" when the peer is gone. */
  receive(descriptor: number): ReceivedBytes | undefined | "end" {
    const scratch = this.#scratch;
    scratch.setBigUint64(40, BigInt(CONTROL_BYTES), true);
    scratch.setInt32(48, 0, true);
    const byteLength = Number(this.#call("recvmsg", descriptor, this.#scratchAddress, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    if (byteLength < 0) return [EAGAIN, EINTR].includes(this.#koffi.errno()) ? undefined : "end";
    const descriptors = this.#descriptors(Number(scratch.getBigUint64(40, true)));
    if (byteLength === 0) return "end";
    const areDescriptorsLost = (scratch.getInt32(48, true) & MSG_CTRUNC) !== 0;
    const bytes = Buffer.from(this.#scratchBytes.subarray(DATA_AT, DATA_AT + byteLength));
    return { bytes, descriptors, areDescriptorsLost };
  }

  /** Bytes that went out at once, 0 when the peer's buffer is full; -1 when it is gone. */
  send(descriptor: number, bytes: Buffer): number {
    const sent = Number(this.#call("send", descriptor, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (sent >= 0) return sent;
    return [EAGAIN, EINTR].includes(this.#koffi.errno()) ? 0 : -1;
  }

  /** Both directions end; whoever waits for it is woken. */
  hangUp(descriptor: number): void {
    this.#call("shutdown", descriptor, SHUT_RDWR);
  }

  close(descriptor: number): void {
    this.#call("close", descriptor);
  }

  /**
   * Adds one to an event descriptor (eventfd(2)). One that is full is left as it is: whoever reads it has been told. Asked
   * first, since a write would wait for room, and nothing is changed about a descriptor that its owner has open too.
   */
  signal(descriptor: number): void {
    this.#scratch.setInt32(POLL_AT, descriptor, true);
    this.#scratch.setInt32(POLL_AT + 4, POLLOUT, true);
    if (Number(this.#call("poll", this.#scratchAddress + BigInt(POLL_AT), 1, 0)) !== 1) return;
    if ((this.#scratch.getInt16(POLL_AT + 6, true) & POLLOUT) !== 0) this.#call("write", descriptor, ONE, ONE.length);
  }

  /** Descriptors in the control data of the last receive. */
  #descriptors(controlBytes: number): number[] {
    const scratch = this.#scratch;
    const found: number[] = [];
    for (let at = CONTROL_AT; at + 16 <= CONTROL_AT + controlBytes; ) {
      const byteLength = Number(scratch.getBigUint64(at, true));
      if (byteLength < 16) break;
      const isRights = scratch.getInt32(at + 8, true) === SOL_SOCKET && scratch.getInt32(at + 12, true) === SCM_RIGHTS;
      for (let place = at + 16; isRights && place + 4 <= at + byteLength; place += 4)
        found.push(scratch.getInt32(place, true));
      at += (byteLength + 7) & ~7;
    }
    return found;
  }

  #need(name: string, ...parameters: readonly unknown[]): number {
    const result = Number(this.#call(name, ...parameters));
    if (result < 0) throw new Error(`${name} failed with errno ${this.#koffi.errno()}`);
    return result;
  }

  #call(name: string, ...parameters: readonly unknown[]): number | bigint {
    return (this.#calls[name] as ForeignFunction)(...parameters);
  }
}

let loading: Promise<Libc | undefined> | undefined;

const ONE: Buffer = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
