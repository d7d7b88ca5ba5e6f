/** Placeholder. */
export const placeholder: true = true;
