import t from 'tap'
import { headTextProblem, mutationProblem } from './header-mutation.ts'

t.test('what is no field of its own is not changed as one', async (t) => {
  for (const kind of ['add', 'set', 'remove'] as const) {
    for (const name of [':path', ':method', ':scheme', ':status'])
      for (const message of ['request', 'response'] as const)
        t.match(mutationProblem(name, message, kind), /is no field/, `${kind} ${name}`)
    for (const name of ['connection', 'transfer-encoding', 'content-length', 'keep-alive', 'upgrade'])
      t.match(mutationProblem(name, 'response', kind), /for each connection/, `${kind} ${name}`)
    for (const name of ['', 'a b', 'a\nb', 'é', 'a:'])
      t.match(mutationProblem(name, 'request', kind), /is no name/, `${kind} ${JSON.stringify(name)}`)
    t.equal(mutationProblem('x-a', 'request', kind), undefined)
  }
})

t.test('the authority can be overwritten', async (t) => {
  for (const name of ['host', ':authority']) {
    t.equal(mutationProblem(name, 'request', 'set'), undefined)
    t.match(mutationProblem(name, 'request', 'add'), /can be overwritten, and not appended to/)
    t.match(mutationProblem(name, 'request', 'remove'), /and not removed/)
  }
  t.match(mutationProblem(':authority', 'response', 'set'), /is no field/)
})

t.test('no text ends a line', async (t) => {
  for (const text of ['a\nb', 'a\rb', 'a\0', '\x7f', '\x1b'])
    t.match(headTextProblem(text), /control character/)
  for (const text of ['', 'a\tb', 'é', '/a?b']) t.equal(headTextProblem(text), undefined)
})
