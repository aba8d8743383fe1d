import t from 'tap'
import { logFilterTakes, parseLogFilter, type LogSubject } from './log-filter.ts'

const ANSWERED: LogSubject = { status: 200, durationMs: 12, flags: [], method: 'GET', grpcStatus: -1 }

t.test('conditions, and binding closer than or', async (t) => {
  for (const [filter, subject, taken] of [
    ['status>=500', { status: 500 }, true],
    ['status>=500', { status: 499 }, false],
    ['status != 200', {}, false],
    ['status=0', { status: 0 }, true],
    ['duration>250ms', { durationMs: 250 }, false],
    ['duration>250ms', { durationMs: 250.5 }, true],
    ['duration<=1m', {}, true],
    ['flags', {}, false],
    ['flags', { flags: ['UF'] }, true],
    ['flags=UF', { flags: ['URX', 'UF'] }, true],
    ['flags!=UF', { flags: ['URX', 'UF'] }, false],
    ['method=GET', {}, true],
    ['method!=GET', {}, false],
    ['grpc_status!=0', {}, false],
    ['grpc_status!=0', { grpcStatus: 14 }, true],
    ['status>=500 or method=POST and duration>1s', { status: 503 }, true],
    ['status>=500 or method=POST and duration>1s', { method: 'POST' }, false],
    ['status>=500 or method=POST and duration>1s', { method: 'POST', durationMs: 2000 }, true],
    ['method=POST and duration>1s or status>=500', { status: 503 }, true],
  ] as const)
    t.equal(
      logFilterTakes(parseLogFilter(filter), { ...ANSWERED, ...subject }),
      taken,
      `${filter} ${JSON.stringify(subject)}`,
    )
})

t.test('what is no condition is named', async (t) => {
  for (const text of [
    '',
    'status',
    'status>>5',
    'status>=abc',
    'duration=1s',
    'duration>5',
    'flags>UF',
    'flags=uf',
    'path=/a',
    'method=get',
    'status>=500 and',
    'not flags',
    '(flags)',
    '__proto__=1',
  ])
    t.throws(() => parseLogFilter(text), { code: 'log.filter' }, text)
  t.throws(() => parseLogFilter('flags and cpu>5'), { message: /"cpu>5" is no condition/ })
  t.throws(() => parseLogFilter(Array(17).fill('flags').join(' or ')), { message: /more than 16/ })
  t.throws(() => parseLogFilter('flags or '.repeat(100)), { message: /longer than 512/ })
})
