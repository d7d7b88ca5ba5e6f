/** What has happened when a run does not come to its end, in a sentence. */
export const VERDICT_MEANINGS: Readonly<Record<string, string>> = {
  deadlock: "nobody can go on any more, and somebody has not come to its end",
  livelock: "everybody who is left polls for what nobody will change",
  hang: "the driver computes for ever, without an access, a relax() or a wait",
  starvation: "somebody never comes to its end, although everybody gets a turn again and again",
};
