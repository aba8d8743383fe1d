/** Percent of requests that the second took, to a tenth; null where neither had any. */
export function sharesOf(
  first: readonly (number | null)[],
  second: readonly (number | null)[],
): (number | null)[] {
  return first.map((one, i) => {
    const two = second[i] ?? 0
    const all = (one ?? 0) + two
    return all === 0 ? null : Math.round((two / all) * 1000) / 10
  })
}
