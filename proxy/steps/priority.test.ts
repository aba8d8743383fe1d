import t from 'tap'
import { priorityOf } from './priority.ts'

t.test('a priority is a word or an urgency, and normal where it is neither', async (t) => {
  const said = [
    'high',
    'low',
    '0',
    '2',
    'u=1',
    'u=5, i',
    'i, u=7',
    '4',
    '3',
    'u=3',
    undefined,
    '',
    '8',
    'HIGH',
    'u=',
  ]
  t.same(
    said.map((value) => priorityOf(value)),
    [
      ...['high', 'low', 'high', 'high', 'high', 'low', 'low', 'low'],
      ...['normal', 'normal', 'normal', 'normal', 'normal', 'normal', 'normal'],
    ],
  )
  t.equal(priorityOf(`${' '.repeat(100_000)}1`), 'normal')
})
