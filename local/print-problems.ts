import { relative } from 'node:path'
import { formatMended, formatProblem } from '../core/problem.ts'
import type { ProblemChange } from './problems/problem-board.ts'

/** Prints to stderr what came and what was mended. */
export function printProblems({ come, gone }: ProblemChange): void {
  for (const problem of gone) console.error(formatMended(problem, fromHere))
  for (const problem of come) console.error(formatProblem(problem, fromHere))
}

/** A path as whoever is in this directory would write it. */
export function fromHere(path: string): string {
  const here = relative(process.cwd(), path)
  return here === '' || here.startsWith('..') || path === 'stdin' ? path : here
}
