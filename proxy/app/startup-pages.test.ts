import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import t from 'tap'
import { cleanText } from './startup-pages.ts'

const entry = (head: string, counts: Record<string, number>) =>
  [head, ...Object.entries(counts).map(([name, kb]) => `${name}:${String(kb).padStart(16)} kB`)].join('\n')

t.test('only private text of a file that nobody changed', async (t) => {
  const clean = { Rss: 100, Private_Clean: 4, Private_Dirty: 0, Anonymous: 0, Swap: 0 }
  const smaps = [
    entry('1000-2000 r-xp 00000000 08:01 7    /usr/bin/node', clean),
    entry('2000-3000 r--p 00001000 08:01 7    /usr/bin/node', clean),
    entry('3000-4000 r-xs 00001000 08:01 7    /usr/bin/node', clean),
    entry('4000-5000 r-xp 00000000 08:01 8    /lib/changed.so', { ...clean, Private_Dirty: 4 }),
    entry('5000-6000 r-xp 00000000 08:01 8    /lib/swapped.so', { ...clean, Swap: 4 }),
    entry('6000-7000 r-xp 00000000 00:00 0    [vdso]', clean),
    entry('7000-8000 rwxp 00000000 00:00 0', clean),
    entry('8000-9000 r-xp 00000000 08:01 9    /lib/untold.so', { Rss: 1 }),
    entry('ffff00000000-ffff00001000 r-xp 00000000 08:01 9    /lib/high.so', clean),
  ].join('\n')
  t.same(cleanText(smaps), [
    { from: 0x1000n, to: 0x2000n },
    { from: 0xffff00000000n, to: 0xffff00001000n },
  ])
  t.same(cleanText(''), [])
  t.ok(cleanText(readFileSync('/proc/self/smaps', 'utf8')).length > 0, 'this process has such')
})

t.test('a process has less memory afterwards, and goes on working', async (t) => {
  const source = `
    import { readFileSync } from 'node:fs'
    import { createLogger } from ${JSON.stringify(new URL('../../core/log.ts', import.meta.url).href)}
    import { releaseStartupPages } from ${JSON.stringify(new URL('startup-pages.ts', import.meta.url).href)}
    const rss = () => Number(/Rss: +(\\d+)/.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))[1])
    releaseStartupPages(createLogger('test', 'debug'))
    const before = rss()
    const until = Date.now() + 60_000
    const poll = setInterval(() => {
      const now = rss()
      if (now > before - 4096 && Date.now() < until) return
      clearInterval(poll)
      console.log(JSON.stringify({ before, now, sum: [1, 2, 3].map((n) => n ** 2), at: new Date(0).toISOString() }))
    }, 50)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill())
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', (code, signal) => reject(new Error(`it ended with ${code ?? signal}`)))
  })
  const told = JSON.parse(line) as { readonly before: number; readonly now: number }
  t.match(told, { sum: [1, 4, 9], at: '1970-01-01T00:00:00.000Z' })
  t.ok(told.now <= told.before - 4096, `${told.before} KiB before, ${told.now} after`)
})
