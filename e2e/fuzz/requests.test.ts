import fc from 'fast-check'
import t from 'tap'
import { checkRequestStream } from './check/requests.ts'
import { requestStream } from './grammar/requests.ts'
import { SEEDS } from './seeds.ts'

const STREAMS = 500

for (const seed of SEEDS) {
  t.test(
    "requests that Weft accepts are framed as by Node's parser, at every split, also as sent on",
    async (t) => {
      t.comment(`seed ${seed} (WEFT_SEED=${seed} repeats it), ${STREAMS} streams`)
      let accepted = 0
      let refused = 0
      const failures: string[] = []
      for (const { bytes } of fc.sample(requestStream, { numRuns: STREAMS, seed })) {
        const checked = checkRequestStream(bytes, seed)
        accepted += checked.accepted.length
        if (checked.refusal !== undefined) refused++
        for (const one of checked.differences)
          failures.push(`${one}\n  ${JSON.stringify(bytes.toString('latin1'))}`)
      }
      t.comment(`${accepted} requests accepted, something refused in ${refused} streams`)
      t.same(failures.slice(0, 3), [])
      t.ok(accepted > STREAMS / 2, 'enough is accepted to say something')
      t.ok(refused > STREAMS / 4, 'enough is refused to say something')
    },
  )
}
