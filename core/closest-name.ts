/** What is so much longer is near to nothing, and costs time to compare. */
const LONGEST = 100

/**
 * The one of `names` that somebody meant who wrote `word`: the fewest letters left out, put in, changed or swapped with the
 * next (optimal string alignment), without regard to case and underscores. Undefined when none is near: `most` letters may
 * differ, a third of the word unless said. Else one that the word is a part of.
 */
export function closestName(
  word: string,
  names: Iterable<string>,
  most = Math.max(1, Math.floor(word.length / 3)),
): string | undefined {
  if (word.length > LONGEST) return undefined
  const all = [...names]
  const wanted = plain(word)
  let best: string | undefined
  let least = most + 1
  for (const name of all) {
    const other = plain(name)
    if (Math.abs(other.length - wanted.length) >= least) continue
    const distance = distanceOf(wanted, other)
    if (distance < least) [best, least] = [name, distance]
  }
  // `Prefix` for PathPrefix: letters may be left out by the word.
  const partOf = (name: string): boolean => word.length > 3 && name.toLowerCase().includes(word.toLowerCase())
  return best ?? all.find(partOf)
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll('_', '')
}

/** `did you mean X?`, or `otherwise` where nothing is near. */
export function didYouMean(word: string, names: Iterable<string>, otherwise: string): string {
  const meant = closestName(word, names)
  return meant === undefined ? otherwise : `did you mean ${meant}?`
}

function distanceOf(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      next.push(cost)
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
