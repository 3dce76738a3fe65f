/** Runs that were deleted here: a page that still shows one asks for nothing of it any more. */
export const gone = new Set<string>();
