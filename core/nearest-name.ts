/** Of `names`, the one that `name` is a slip of the pen away from; undefined if none is near. */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let least = 1 + Math.floor(Math.min(name.length, 24) / 4)
  // What is so much longer is near to nothing, and costs time to compare.
  if (name.length > 100) return undefined
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.replaceAll('_', ''), candidate)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** The distance to the nearer of both spellings. */
function editDistance(text: string, bare: string, full: string): number {
  return Math.min(distanceOf(text.replaceAll('_', ''), bare), distanceOf(text, full))
}

/** Letters that are missing, too many, wrong, or swapped with their neighbour (optimal string alignment). */
function distanceOf(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : Infinity
      next.push(Math.min(change, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
