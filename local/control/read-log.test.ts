import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { readLog } from './read-log.ts'

t.test('a part of a log, and the last lines of a part', async (t) => {
  const file = join(t.testdir({ log: 'one\ntwo\nthree\nfour\n' }), 'log')
  t.equal(await text(readLog(file, { from: 0, to: 8 })), 'one\ntwo\n')
  t.equal(await text(readLog(file, { from: 8 })), 'three\nfour\n')
  t.equal(await text(readLog(file, { from: 0, to: 8, tail: 1 })), 'two\n')
  t.equal(await text(readLog(file, { from: 8, tail: 10 })), 'three\nfour\n')
  t.equal(await text(readLog(file, { from: 19, tail: 1 })), '')
})

t.test('followed, it goes on with what comes', async (t) => {
  const file = join(t.testdir({ log: 'one\n' }), 'log')
  const stream = readLog(file, { from: 0, follow: true })
  let said = ''
  for await (const chunk of stream) {
    said += String(chunk)
    if (said === 'one\n') appendFileSync(file, 'two\n')
    else break
  }
  t.equal(said, 'one\ntwo\n')
})
