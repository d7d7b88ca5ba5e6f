/** Words that the thread of a scenario shares with whoever watches it. */
export const BEAT_WORDS = 5;
/** Runs begun: while it moves, the scenario is alive. */
export const RUNS = 0;
/** 1: come to an end. */
export const STOP = 1;
/** What the thread is doing. */
export const PHASE = 2;
/** Which part of the scenario runs. */
export const WHERE = 3;

/** Steps of a run that is recorded: that takes its time, and while it moves, the scenario is alive. */
export const STEPS = 4;

// PHASE
export const LOADING = 0;
export const SEARCHING = 1;
export const EXPLAINING = 2;
// WHERE
export const SETTING_UP = 0;
export const BODY = 1;
