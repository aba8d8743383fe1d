import t from 'tap'
import { findLacks, thisMachine } from '../../local/requirements.ts'
import { readCases } from './case.ts'
import { runCases } from './run.ts'

const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

t.test('Gateway API with Services as parents, case by case', { skip }, async (t) => {
  for (const { feature, name, problems } of await runCases(readCases()))
    t.same(problems, [], `${feature} ${name}`)
})
