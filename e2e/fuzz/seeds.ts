import { newSeed } from './options.ts'

/** One that every run of the tests shares, and one that nobody chose; WEFT_SEED repeats the latter. */
export const SEEDS: readonly number[] = [20_261_124, Number(process.env['WEFT_SEED'] ?? newSeed())]
