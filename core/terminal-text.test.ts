import t from 'tap'
import { shown, shownLines } from './terminal-text.ts'

t.test('nothing that somebody else wrote moves a cursor, colours or breaks a line', async (t) => {
  t.equal(shown('a\u001b[2Jb\u001b]0;title\u0007c'), 'abc')
  t.equal(shown('a\n::error::b\r\u0085\u2028\u2029c'), 'a?::error::b????c')
  t.equal(shown('\u202egnp.exe'), '?gnp.exe')
  t.equal(shown('Grüße, 世界'), 'Grüße, 世界')
})

t.test('what a command prints keeps its lines and its own colours', async (t) => {
  t.equal(shownLines('\u001b[31mbad\u001b[39m one\ntwo\n'), '\u001b[31mbad\u001b[39m one\ntwo\n')
  t.equal(shownLines('a\u001b[2J\u001b[1;31mb\u009b2Jc\n'), 'abc\n')
})
