/** How the command line is called from where it stands: from a clone, where nothing is built, or as an installed package. */
const isClone = import.meta.url.endsWith(".ts");

/** Before a verb. By npm, like those below, because npm brings the Node that runs TypeScript. */
export const COMMAND: string = isClone ? "npm run softbar --" : "npx softbar";
/** Before a file to replay. */
export const REPLAY_COMMAND: string = isClone ? "npm start --" : "npx softbar replay";
/** Before a scenario, and before a token. */
export const EXPLORE_COMMAND: string = isClone ? "npm run explore --" : "npx softbar explore";
export const RERUN_COMMAND: string = isClone ? "npm run rerun --" : "npx softbar rerun";
export const FAULTS_COMMAND: string = `${COMMAND} faults`;
/** Before a file of the package. */
export const PACKAGE_FOLDER: string = isClone ? "" : "node_modules/softbar/";
