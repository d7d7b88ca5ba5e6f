import type { InterfaceDetails } from "../../emulator/wire/capture/capture-details.ts";
import { LINKTYPE_ETHERNET } from "../../emulator/wire/capture/capture-record.ts";
import { REFRAMED_LINK_TYPES } from "../../emulator/wire/capture/ethernet-framing.ts";
import { linkTypeName } from "../../emulator/wire/capture/link-types.ts";
import type { CaptureInfo } from "../capture/capture-info.ts";
import type { CaptureTime } from "../capture/file-order-tap.ts";
import type { TrailerSurveyReport } from "../capture/trailer-survey.ts";
import { feedRows, type Row } from "./feed-text.ts";
import { bytesText, counted, durationText, grouped, type painter, threeDigits } from "./terminal.ts";

type Paint = ReturnType<typeof painter>;

const LABEL_WIDTH = 9;
/** Listed before the rest is counted. */
const INTERFACE_LIMIT = 8;
const LINE_LIMIT = 12;
const VLAN_LIMIT = 8;

/** The summary of a capture for people: what it is, what is in it, and what is wrong with it. */
export function captureText(info: CaptureInfo, paint: Paint): string {
  const rows: Row[] = [
    ...interfaceRows(info),
    ["packets", packetsText(info)],
    ...timeRows(info, paint),
    ...burstRows(info),
    ...trailerRows(info.records.trailers, paint),
    ...vlanRows(info),
    ...lineRows(info),
    ...twinRows(info),
    ...feedRows(info.feed),
    ...noteRows(info, paint),
  ];
  const lines = rows.map(([label, text]) => `  ${paint("dim", label.padEnd(LABEL_WIDTH))} ${text}`);
  return [titleOf(info, paint), ...lines, ""].join("\n");
}

function titleOf({ name, format, compression, fileByteLength, details }: CaptureInfo, paint: Paint): string {
  const orders = [...new Set(details.interfaces.map(({ byteOrder }) => byteOrder))];
  const facts = [
    format,
    compression === null ? "" : `in ${compression}`,
    orders.length === 2 ? "both byte orders" : (orders[0] ?? ""),
    details.sectionCount > 1 ? counted(details.sectionCount, "section") : "",
    fileByteLength === null ? "" : bytesText(fileByteLength),
  ];
  return `${paint("bold", name)} (${facts.filter((fact) => fact !== "").join(", ")})`;
}

function interfaceRows({ details }: CaptureInfo): Row[] {
  const rows = details.interfaces.slice(0, INTERFACE_LIMIT).map((each): Row => {
    const place =
      details.sectionCount > 1 ? `${each.sectionIndex + 1}/${each.interfaceIndex}` : `${each.interfaceIndex}`;
    return [details.interfaces.length > 1 ? `if ${place}` : "link", interfaceText(each)];
  });
  const hidden = details.interfaces.length + details.unlistedInterfaceCount - INTERFACE_LIMIT;
  return hidden > 0 ? [...rows, ["", `and ${counted(hidden, "more interface")} (--json has up to 1,024)`]] : rows;
}

function interfaceText(details: InterfaceDetails): string {
  const { name, linkType, tick, timeOffsetSeconds, snapByteLength, fcsByteLength, packetCount } = details;
  const lost = Math.max(details.packetDropCount, (details.droppedCount ?? 0) + (details.osDroppedCount ?? 0));
  const isCounted = details.droppedCount !== null || details.osDroppedCount !== null || details.packetDropCount > 0;
  const facts = [
    name,
    linkTypeName(linkType),
    `ticks of ${tickText(tick)}`,
    timeOffsetSeconds === 0 ? "" : `offset ${grouped(timeOffsetSeconds)} s`,
    snapByteLength === 0 ? "" : `snapped at ${grouped(snapByteLength)}`,
    fcsByteLength === 0 ? "" : "with FCS",
    counted(packetCount, "packet"),
    isCounted ? `${grouped(lost)} lost while capturing` : "",
  ];
  return facts.filter((fact) => fact !== "").join(", ");
}

function tickText({ base, exponent }: InterfaceDetails["tick"]): string {
  const names: Record<number, string> = { 0: "1 s", [-3]: "1 ms", [-6]: "1 µs", [-9]: "1 ns", [-12]: "1 ps" };
  return (base === 10 ? names[exponent] : undefined) ?? `${base}^${exponent} s`;
}

function packetsText({ records }: CaptureInfo): string {
  const { packetCount, capturedByteLength, originalByteLength, snappedCount } = records;
  if (packetCount === 0) return "none: the capture is empty";
  const size =
    snappedCount === 0
      ? bytesText(originalByteLength)
      : `${bytesText(capturedByteLength)} captured of ${bytesText(originalByteLength)}, ${counted(snappedCount, "packet")} snapped`;
  const { shortestByteLength: shortest, longestByteLength: longest } = records;
  const lengths = `${shortest === longest ? "" : `${grouped(shortest)} to `}${grouped(longest)} bytes each`;
  return `${grouped(packetCount)}   ${size}   ${lengths}`;
}

function timeRows({ records, lateCount }: CaptureInfo, paint: Paint): Row[] {
  const { earliest, latest, stepBackCount, largestStepBackNs, packetCount, untimedCount } = records;
  if (earliest === null || latest === null) return packetCount === 0 ? [] : [["time", "no packet has one"]];
  const durationNs = (latest.seconds - earliest.seconds) * 1e9 + (latest.nanoseconds - earliest.nanoseconds);
  const rate = ((packetCount - untimedCount) * 1e9) / durationNs;
  const mean = durationNs > 0 ? `   ${threeDigits(rate)} packets/s` : "";
  const rows: Row[] = [
    ["from", timeText(earliest)],
    ["to", `${timeText(latest)}   ${durationText(durationNs)}${mean}`],
  ];
  if (untimedCount > 0) rows.push(["", `${counted(untimedCount, "packet")} without a time`]);
  if (stepBackCount === 0) return [...rows, ["order", paint("green", "in order of time")]];
  const steps = `${counted(stepBackCount, "step")} back in the file, by ${durationText(largestStepBackNs)} at most`;
  const late = lateCount === 0 ? "" : `; ${counted(lateCount, "packet")} too far off to be put in order`;
  return [...rows, ["order", paint("yellow", `${steps}${late}`)]];
}

/** "2016-11-12 14:30:25.968272358 UTC": all nine digits. */
function timeText({ seconds, nanoseconds }: CaptureTime): string {
  const fraction = `${nanoseconds}`.padStart(9, "0");
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `${seconds}.${fraction} s after 1970`;
  return `${date.toISOString().slice(0, -5).replace("T", " ")}.${fraction} UTC`;
}

function burstRows({ bursts, gaps }: CaptureInfo): Row[] {
  if (gaps === undefined) return [];
  const cells = bursts.map(({ windowNs, packetCount, isAtLeast }) => {
    return `${wholeDuration(windowNs)} ${isAtLeast ? "at least " : ""}${grouped(packetCount)}`;
  });
  const zeros = gaps.zeroCount === 0 ? "" : `   ${grouped(gaps.zeroCount)} of zero`;
  const { smallestNs, medianNs, largestNs } = gaps;
  return [
    ["bursts", `most packets in ${cells.join("   ")}`],
    [
      "gaps",
      `smallest ${durationText(smallestNs)}   median ${durationText(medianNs)}   largest ${durationText(largestNs)}${zeros}`,
    ],
  ];
}

/** "10 µs": a power of ten without the digits that a measurement has. */
function wholeDuration(durationNs: number): string {
  if (durationNs < 1e6) return `${durationNs / 1e3} µs`;
  return durationNs < 1e9 ? `${durationNs / 1e6} ms` : `${durationNs / 1e9} s`;
}

function trailerRows(trailers: TrailerSurveyReport, paint: Paint): Row[] {
  const { lookedAtCount, fcsCount, wrongFcsCount, devices, suggested } = trailers;
  const rows: Row[] = [];
  if (fcsCount > 0 || wrongFcsCount > 0) {
    const all = fcsCount === lookedAtCount ? "all " : "";
    const wrong = wrongFcsCount === 0 ? "none wrong" : paint("red", `${grouped(wrongFcsCount)} wrong`);
    rows.push(["FCS", `right behind ${all}${counted(fcsCount, "frame")}, ${wrong}`]);
  }
  for (const [kind, count] of Object.entries(devices)) {
    const advice = kind === suggested ? `: --trailer ${kind} takes it off in a replay` : "";
    rows.push(["trailer", `of ${kind} behind ${counted(count, "frame")}${advice}`]);
  }
  return rows;
}

function vlanRows({ vlans }: CaptureInfo): Row[] {
  if (vlans.length === 0) return [];
  const cells = vlans
    .slice(0, VLAN_LIMIT)
    .map(({ vlanId, packetCount }) => `${vlanId} (${counted(packetCount, "packet")})`);
  const hidden = vlans.length - VLAN_LIMIT;
  const rest = hidden > 0 ? ` and ${counted(hidden, "more VLAN")} (--json has them)` : "";
  return [["VLAN", `${cells.join(", ")}${rest}`]];
}

function lineRows({ lines, unlistedLinePacketCount, otherPacketCount }: CaptureInfo): Row[] {
  const width = Math.max(0, ...lines.slice(0, LINE_LIMIT).map(({ destination }) => destination.length));
  const rows = lines.slice(0, LINE_LIMIT).map(({ destination, packetCount, payloadByteLength }, index): Row => {
    const text = `${destination.padEnd(width)}  ${counted(packetCount, "packet")}, ${bytesText(payloadByteLength)} of payload`;
    return [index === 0 ? "lines" : "", text];
  });
  const hidden = lines.length - LINE_LIMIT;
  if (hidden > 0) rows.push(["", `and ${counted(hidden, "more line")} (--json has them)`]);
  if (unlistedLinePacketCount > 0) rows.push(["", `${counted(unlistedLinePacketCount, "packet")} to further lines`]);
  if (otherPacketCount > 0) {
    rows.push([rows.length === 0 ? "lines" : "", `${counted(otherPacketCount, "packet")} of no UDP datagram`]);
  }
  return rows;
}

/** Which lines are A and B of the same feed. */
function twinRows({ twins }: CaptureInfo): Row[] {
  const shown = twins.slice(0, LINE_LIMIT);
  const widths = [0, 1].map((side) => Math.max(0, ...shown.map(({ lines }) => (lines[side] as string).length)));
  const rows = shown.map(({ lines: [a, b], commonCount, payloadCount, isCut }, index): Row => {
    const pair = `${a.padEnd(widths[0] as number)} = ${b.padEnd(widths[1] as number)}`;
    const share = `${grouped(commonCount)} of ${isCut ? "the first " : ""}${counted(payloadCount, "payload")} on both`;
    return [index === 0 ? "A = B" : "", `${pair}  ${share}`];
  });
  const hidden = twins.length - shown.length;
  return hidden > 0 ? [...rows, ["", `and ${counted(hidden, "more pair")} (--json has them)`]] : rows;
}

function noteRows({ records, damage, interrupted, name }: CaptureInfo, paint: Paint): Row[] {
  const rows: Row[] = [];
  const { overlongCount, linkTypes } = records;
  for (const [type, count] of Object.entries(linkTypes)) {
    const linkType = Number(type);
    if (linkType === LINKTYPE_ETHERNET) continue;
    const fate = REFRAMED_LINK_TYPES.includes(linkType) ? "get an Ethernet header in a replay" : "cannot be replayed";
    rows.push(["note", `${counted(count, "packet")} of link type ${linkTypeName(linkType)} ${fate}`]);
  }
  if (overlongCount > 0)
    rows.push(["note", `${counted(overlongCount, "packet")} longer than on the wire, by the file`]);
  if (interrupted) rows.push(["note", "stopped early: not all of it was read"]);
  if (damage !== undefined) rows.push([paint("red", "damage"), damage.message.replace(`${name}: `, "")]);
  return rows;
}
