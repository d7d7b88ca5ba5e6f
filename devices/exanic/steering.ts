import type { DevicePort } from "../../emulator/pcie/device-model.ts";
import { fieldOf, type Register } from "../../emulator/registers/declare.ts";
import type { RegisterFile } from "../../emulator/registers/register-file.ts";
import { FrameHeaders, IP_PROTOCOL_TCP, IP_PROTOCOL_UDP } from "../../emulator/wire/frame.ts";
import { FILTER_REGION_IP, FILTER_REGION_MAC } from "./chunks.ts";
import { recordHashConfig, recordRuleBuffer } from "./findings.ts";
import * as reg from "./registers.ts";

/** {@link Steering.choose} says so where no rule and no hash has its say: the region of PORT_RX_DMA_BASE. */
export const DEFAULT_BUFFER = -1;

// A local name: the engine folds a constant of its own module, and looks one of another module up.
const HASH_ENABLE = reg.PORT_HASH_CONFIG.fields.ENABLE.mask;
const HASH_PORTS = 0;
const HASH_ADDRESSES = 1;
const TAGGED = 0x10;

/**
 * Which buffer of a port a frame goes to (pcie_if.h, "Packet filters"): by the hash of its flow, or by the first rule that
 * it matches, or the default one. Rules stand in the registers as the card has them: for every byte a word for each of its
 * values, with a bit for each rule that the value fits. A rule matches when all words have its bit.
 */
export class Steering {
  /** Of the last frame: which kind of rule matched, and its number. 0 where none did. */
  region = 0;
  rule = 0;
  readonly #port: DevicePort;
  readonly #registers: RegisterFile;
  readonly #headers = new FrameHeaders();
  readonly #hashAt: number;
  readonly #macRulesAt: number;
  readonly #ipRulesAt: number;
  readonly #macBuffersAt: number;
  readonly #ipBuffersAt: number;
  /** By port: whether a rule of that kind was ever written, so that others need not be looked at. */
  readonly #hasMacRules = new Uint8Array(reg.PORT_COUNT);
  readonly #hasIpRules = new Uint8Array(reg.PORT_COUNT);

  constructor(port: DevicePort, registers: RegisterFile) {
    const { map } = registers;
    this.#port = port;
    this.#registers = registers;
    this.#hashAt = map.ordinal(reg.PORT_HASH_CONFIG);
    this.#macRulesAt = map.ordinal(reg.MAC_RULES);
    this.#ipRulesAt = map.ordinal(reg.IP_RULES);
    this.#macBuffersAt = map.ordinal(reg.MAC_RULE_BUFFER);
    this.#ipBuffersAt = map.ordinal(reg.IP_RULE_BUFFER);
    registers.onWrite(reg.MAC_RULES, (index, value) => {
      if (value !== 0) this.#hasMacRules[index < MAC_WORDS ? 0 : 1] = 1;
    });
    registers.onWrite(reg.IP_RULES, (index, value) => {
      if (value !== 0) this.#hasIpRules[index < IP_WORDS ? 0 : 1] = 1;
    });
    const checkBuffer = (register: Register) => (index: number, value: number) => {
      if (value >>> 0 >= reg.FILTER_BUFFER_COUNT) recordRuleBuffer(port, register, index, value);
    };
    registers.onWrite(reg.MAC_RULE_BUFFER, checkBuffer(reg.MAC_RULE_BUFFER));
    registers.onWrite(reg.IP_RULE_BUFFER, checkBuffer(reg.IP_RULE_BUFFER));
    registers.onWrite(reg.PORT_HASH_CONFIG, (index, value) => this.#checkHash(index, value));
  }

  /** The registers have other values than writes have told of. */
  refresh(): void {
    const { values } = this.#registers;
    for (let port = 0; port < reg.PORT_COUNT; port++) {
      this.#hasMacRules[port] = +hasOnes(values, this.#macRulesAt + port * MAC_WORDS, MAC_WORDS);
      this.#hasIpRules[port] = +hasOnes(values, this.#ipRulesAt + port * IP_WORDS, IP_WORDS);
    }
  }

  /** The buffer that a frame goes to: 0 to 31, or {@link DEFAULT_BUFFER}. */
  choose(port: number, bytes: Uint8Array, offset: number, byteLength: number): number {
    this.region = 0;
    this.rule = 0;
    const hash = this.#registers.values[this.#hashAt + port] as number;
    const isHashed = (hash & HASH_ENABLE) !== 0;
    if (!isHashed && (this.#hasMacRules[port] as number) + (this.#hasIpRules[port] as number) === 0)
      return DEFAULT_BUFFER;
    this.#headers.parse(bytes, offset, byteLength);
    if (isHashed) return this.#hashed(hash, bytes, offset);
    if (this.#hasIpRules[port] === 1 && this.#headers.ipVersion === 4) {
      const rules = this.#matchIp(port, bytes, offset);
      if (rules !== 0) return this.#take(FILTER_REGION_IP, rules, this.#ipBuffersAt + port * reg.RULE_COUNT);
    }
    if (this.#hasMacRules[port] === 1 && byteLength >= 14) {
      const rules = this.#matchMac(port, bytes, offset);
      if (rules !== 0) return this.#take(FILTER_REGION_MAC, rules, this.#macBuffersAt + port * reg.RULE_COUNT);
    }
    return DEFAULT_BUFFER;
  }

  /** The lowest of the rules that match. */
  #take(region: number, rules: number, buffersAt: number): number {
    this.region = region;
    this.rule = 31 - Math.clz32(rules & -rules);
    return (this.#registers.values[buffersAt + this.rule] as number) & (reg.FILTER_BUFFER_COUNT - 1);
  }

  #matchIp(port: number, bytes: Uint8Array, offset: number): number {
    const { values } = this.#registers;
    const { l3Offset, l4Offset, sourcePort, ipProtocol } = this.#headers;
    const words = this.#ipRulesAt + port * IP_WORDS;
    const l3 = offset + l3Offset;
    const l4 = offset + l4Offset;
    let rules = values[words + 12 * 256 + ipProtocol] as number;
    // Destination port, source port: as they come, and 0 where there are none.
    for (let byte = 0; byte < 4 && rules !== 0; byte++) {
      const value = sourcePort < 0 ? 0 : (bytes[l4 + (byte ^ 2)] as number);
      rules &= values[words + byte * 256 + value] as number;
    }
    for (let byte = 0; byte < 4 && rules !== 0; byte++) {
      rules &= values[words + (4 + byte) * 256 + (bytes[l3 + 16 + byte] as number)] as number;
      rules &= values[words + (8 + byte) * 256 + (bytes[l3 + 12 + byte] as number)] as number;
    }
    return rules;
  }

  #matchMac(port: number, bytes: Uint8Array, offset: number): number {
    const { values } = this.#registers;
    const { etherType, vlanTci } = this.#headers;
    const words = this.#macRulesAt + port * MAC_WORDS;
    let rules = -1;
    for (let byte = 0; byte < 6 && rules !== 0; byte++)
      rules &= values[words + byte * 256 + (bytes[offset + byte] as number)] as number;
    rules &= values[words + 6 * 256 + ((etherType >>> 8) & 0xff)] as number;
    rules &= values[words + 7 * 256 + (etherType & 0xff)] as number;
    const vlan = vlanTci < 0 ? 0 : vlanTci & 0xfff;
    rules &= values[words + 8 * 256 + (vlan & 0xff)] as number;
    return rules & (values[words + 9 * 256 + (vlanTci < 0 ? 0 : TAGGED | (vlan >>> 8))] as number);
  }

  /** The same for both directions of a flow. Which sum the card makes is not published; this one spreads, and is symmetric. */
  #hashed(config: number, bytes: Uint8Array, offset: number): number {
    const { ipVersion, ipProtocol, l3Offset, sourcePort, destinationPort } = this.#headers;
    if (sourcePort < 0 || (ipProtocol !== IP_PROTOCOL_TCP && ipProtocol !== IP_PROTOCOL_UDP)) return DEFAULT_BUFFER;
    const kind = fieldOf(config, reg.PORT_HASH_CONFIG.fields.FUNCTION);
    let hash = kind === HASH_ADDRESSES ? 0 : sourcePort ^ destinationPort;
    if (kind !== HASH_PORTS) {
      const first = offset + l3Offset + (ipVersion === 4 ? 12 : 8);
      const byteLength = ipVersion === 4 ? 8 : 32;
      for (let byte = 0; byte < byteLength; byte++) hash ^= (bytes[first + byte] as number) << (8 * (byte & 3));
    }
    hash ^= hash >>> 16;
    hash ^= hash >>> 8;
    return hash & fieldOf(config, reg.PORT_HASH_CONFIG.fields.MASK) & (reg.FILTER_BUFFER_COUNT - 1);
  }

  #checkHash(index: number, value: number): void {
    const mask = fieldOf(value, reg.PORT_HASH_CONFIG.fields.MASK);
    const kind = fieldOf(value, reg.PORT_HASH_CONFIG.fields.FUNCTION);
    const isOn = (value & HASH_ENABLE) !== 0;
    if (isOn && ((mask & (mask + 1)) !== 0 || mask >= reg.FILTER_BUFFER_COUNT || kind >= reg.HASH_FUNCTION_COUNT))
      recordHashConfig(this.#port, index, value, mask, kind);
  }
}

const MAC_WORDS = reg.MAC_RULE_BYTE_COUNT * reg.BYTE_VALUE_COUNT;
const IP_WORDS = reg.IP_RULE_BYTE_COUNT * reg.BYTE_VALUE_COUNT;

function hasOnes(values: Int32Array, first: number, count: number): boolean {
  for (let at = first; at < first + count; at++) if (values[at] !== 0) return true;
  return false;
}
