import fc from 'fast-check'
import t from 'tap'
import { checkResponseStream } from './check/responses.ts'
import { responseStream } from './grammar/responses.ts'
import { SEEDS } from './seeds.ts'

const STREAMS = 400

for (const seed of SEEDS) {
  t.test(
    "answers that Weft accepts are framed as by Node's parser, at every split, also as sent on",
    async (t) => {
      t.comment(`seed ${seed} (WEFT_SEED=${seed} repeats it), ${STREAMS} streams`)
      let accepted = 0
      const failures: string[] = []
      for (const { bytes, method } of fc.sample(responseStream, { numRuns: STREAMS, seed })) {
        const checked = checkResponseStream(bytes, method, seed)
        if (checked.accepted) accepted++
        for (const one of checked.differences)
          failures.push(`${method}: ${one}\n  ${JSON.stringify(bytes.toString('latin1'))}`)
      }
      t.comment(`${accepted} answers accepted`)
      t.same(failures.slice(0, 3), [])
      t.ok(accepted > STREAMS / 4, 'enough is accepted to say something')
      t.ok(accepted < STREAMS - STREAMS / 10, 'enough is refused to say something')
    },
  )
}
