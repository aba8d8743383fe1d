const table: number[] = [0]

/** ln n! of a whole number from 0 on. What was asked for once is kept: 8 bytes for each number up to the largest. */
function logFactorial(n: number): number {
  for (let i = table.length; i <= n; i++) table.push((table[i - 1] as number) + Math.log(i))
  return table[n] as number
}

/** ln of n over k; -Infinity where there is no such choice. */
export function logChoose(n: number, k: number): number {
  if (k < 0 || k > n) return -Infinity
  return logFactorial(n) - logFactorial(k) - logFactorial(n - k)
}

/** ln of a sum, of its summands' logarithms; -Infinity of none. */
export function logSum(logs: readonly number[]): number {
  const most = Math.max(...logs)
  if (most === -Infinity) return -Infinity
  let sum = 0
  for (const one of logs) sum += Math.exp(one - most)
  return most + Math.log(sum)
}
