import type { Bar, PciFunction } from "../../../emulator/pcie/driver-view.ts";

/** One access to BAR 0 as the driver made it. */
export interface Access {
  readonly kind: "read" | "write";
  readonly offset: number;
  readonly value: string;
}

/** A function whose accesses to BAR 0 are noted, by nothing that the tracer is made of. */
export function watchedFunction(pci: PciFunction, accesses: Access[]): PciFunction {
  const text = (value: number | bigint, byteLength: number): string =>
    `0x${BigInt.asUintN(8 * byteLength, BigInt(value))
      .toString(16)
      .padStart(2 * byteLength, "0")}`;
  const bar = (inner: Bar): Bar =>
    new Proxy(inner, {
      get(target, name) {
        const member = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        const [, verb, bits] = /^(read|write)(?:Relaxed|Combining)?(\d+)$/.exec(String(name)) ?? [];
        return (offset: number, value: number) => {
          const result = member.call(target, offset, value);
          if (verb !== undefined)
            accesses.push({
              kind: verb as Access["kind"],
              offset,
              value: text(verb === "read" ? result : value, Number(bits) / 8),
            });
          return result;
        };
      },
    });
  return new Proxy(pci, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (name === "bar") return (index: number) => (index === 0 ? bar(target.bar(0)) : target.bar(index));
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
