import fc from 'fast-check'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { SERVED } from '../../core/xds/served/index.ts'
import { readBootstrap } from './bootstrap.ts'
import { MINIMAL } from './testing/minimal.ts'

const NAMES = [...SERVED.values()].flatMap((fields) => Object.keys(fields))
const URLS = [...SERVED.keys()].map((name) => `type.googleapis.com/${name}`)

/** Any tree, of words that are likely to lead far. */
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof({ maxDepth: 8, withCrossShrink: true }, tie('leaf'), tie('list'), tie('mapping')),
  leaf: fc.oneof(
    fc.constantFrom<unknown>(null, true, '', '1s', '127.0.0.1', 0, 1, 8080, -1, 2 ** 40, 0.5, 'V3', ...URLS),
    fc.string(),
  ),
  list: fc.array(tie('tree'), { maxLength: 3 }),
  mapping: fc.dictionary(fc.constantFrom('@type', '__proto__', 'x', ...NAMES), tie('tree'), { maxKeys: 4 }),
}))

/** The file is refused with reasons or taken: no error of ours becomes a reason, and each has its place. */
function holds(t: Test, text: string): boolean {
  const result = readBootstrap(text, { fileName: 'p', readFile: () => 'no certificate' })
  if (result.ok) return true
  const wrong = result.problems.filter(
    (problem) =>
      !/^p:([1-9]\d*:[1-9]\d*: \S| and \d+ more)/.test(problem) ||
      /\n|undefined|Cannot read|is not a function|is not iterable|\[object/.test(problem),
  )
  if (wrong.length > 0) t.comment(wrong.join('\n'))
  return result.problems.length > 0 && wrong.length === 0
}

t.test('random trees', async (t) => {
  fc.assert(
    fc.property(tree, (value) => holds(t, JSON.stringify(value))),
    { numRuns: 400 },
  )
  t.pass()
})

t.test('a good file in which one subtree became another', async (t) => {
  const places = placesOf(parse(MINIMAL), [])
  const property = fc.property(fc.constantFrom(...places), tree, (place, value) =>
    holds(t, JSON.stringify(replace(parse(MINIMAL), place, value))),
  )
  fc.assert(property, { numRuns: 400 })
  t.pass()
})

t.test('a good file in which some characters became others', async (t) => {
  const signs = '{}[]:-*&!|>\'"%@`#?, \n\tab0'.split('')
  const noise = fc.string({ unit: fc.constantFrom(...signs) })
  const property = fc.property(fc.nat(MINIMAL.length), fc.nat(20), noise, (at, length, text) =>
    holds(t, MINIMAL.slice(0, at) + text + MINIMAL.slice(at + length)),
  )
  fc.assert(property, { numRuns: 300 })
  t.pass()
})

type Place = readonly (string | number)[]

function placesOf(value: unknown, path: Place): Place[] {
  if (typeof value !== 'object' || value === null) return [path]
  const steps = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value)
  return [
    path,
    ...steps.flatMap((step) => placesOf((value as Record<string, unknown>)[step], [...path, step])),
  ]
}

function replace(value: unknown, [step, ...rest]: Place, by: unknown): unknown {
  if (step === undefined) return by
  const inside = value as Record<string, unknown>
  inside[step] = replace(inside[step], rest, by)
  return value
}
