import fc from 'fast-check'
import t from 'tap'
import { answerOf } from './answer.ts'
import { naiveDecision } from './naive.ts'
import { pureDecider } from './pure.ts'
import { scenes } from './random-scenes.ts'

// For random policies and calls, a reader of docs/security.md and the product say the same: from manifests by the control
// plane's translation to the decision function. WEFT_LONG=1 has 200,000 pairs.

const PAIRS = process.env['WEFT_LONG'] ? 200_000 : 2000
const CALLS = 20

t.test(`the product decides as the page says, ${PAIRS} pairs`, async (t) => {
  const outcomes = new Map<string, number>()
  fc.assert(
    fc.property(scenes(CALLS), ({ objects, calls }) => {
      const decide = pureDecider(objects)
      for (const call of calls) {
        const { shadow, ...decision } = decide(call)
        const expected = answerOf(naiveDecision(objects, call))
        const found = answerOf({ ...decision, audited: decision.audited.toSorted(), dry: shadow ?? decision })
        if (found !== expected)
          throw new Error(`${JSON.stringify(call)}: ${found}, and by the page ${expected}`)
        const kind = expected.replaceAll(/[a-z-]+\/[a-d]\/\d/g, 'rule')
        outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1)
      }
    }),
    { numRuns: Math.ceil(PAIRS / CALLS) },
  )
  // Of every outcome there is enough to say so.
  for (const kind of ['allow', 'allow rule', 'deny', 'deny rule'])
    t.ok((outcomes.get(kind) ?? 0) > PAIRS / 50, `${outcomes.get(kind)} of ${kind}`)
  for (const part of ['mesh/self', 'SameNamespace', 'dry run: deny', 'dry run: allow', 'audit: '])
    t.ok(
      [...outcomes.keys()].some((kind) => kind.includes(part)),
      part,
    )
})
