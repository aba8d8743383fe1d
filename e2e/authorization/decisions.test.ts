import t from 'tap'
import { SCENES } from './decisions/index.ts'
import { naiveDecision } from './naive.ts'
import { callOf, type Scene } from './scene.ts'
import { answerOf } from './answer.ts'
import { pureDecider } from './pure.ts'

// docs/security.md as a table: what becomes of requests by policies, and which rule decided.

const targetsRoutes = ({ objects }: Scene): boolean =>
  objects.some(({ kind }) => kind === 'HTTPRoute' || kind === 'GRPCRoute')

t.test('there are enough, and each is another one', async (t) => {
  const asked = SCENES.flatMap((scene) => scene.asked.map((ask) => JSON.stringify([scene.objects, ask])))
  t.ok(asked.length >= 300, String(asked.length))
  t.equal(new Set(asked).size, asked.length)
  t.equal(new Set(SCENES.map(({ name }) => name)).size, SCENES.length)
})

t.test('the naive evaluator says the same', async (t) => {
  for (const scene of SCENES.filter((one) => !targetsRoutes(one)))
    for (const [caller, asked, answer] of scene.asked)
      t.equal(
        answerOf(naiveDecision(scene.objects, callOf(caller, asked))),
        answer,
        `${scene.name}: ${caller} ${JSON.stringify(asked)}`,
      )
})

t.test('so does the product, from manifests to the decision', async (t) => {
  for (const scene of SCENES) {
    const decide = pureDecider(scene.objects)
    for (const [caller, asked, answer] of scene.asked) {
      const { shadow, ...decision } = decide(callOf(caller, asked))
      t.equal(
        answerOf({ ...decision, dry: shadow ?? decision }),
        answer,
        `${scene.name}: ${caller} ${JSON.stringify(asked)}`,
      )
    }
  }
})
