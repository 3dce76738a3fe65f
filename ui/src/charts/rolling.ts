/** The median of each value and the ones before it, `size` at most. */
export function rollingMedian(values: readonly number[], size: number): number[] {
  return values.map((_, index) => {
    const near = values.slice(Math.max(0, index - size + 1), index + 1).toSorted((a, b) => a - b);
    return near[near.length >> 1] ?? 0;
  });
}
