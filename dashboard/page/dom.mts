/**
 * A description of elements and a patch that brings the page to it, changing only what differs: focus, selection and
 * scrolling stay over a refresh. Text becomes text nodes and attributes, never markup.
 */
export interface Node {
  readonly tag: string
  readonly props: Props
  readonly children: readonly (Node | string)[]
}

type Handler = (event: Event) => void
export interface Props {
  readonly key?: string
  /** Custom properties, set through the object model: the content security policy allows no style attributes. */
  readonly vars?: Readonly<Record<`--${string}`, string>>
  readonly onclick?: Handler
  readonly onchange?: Handler
  readonly [attribute: string]:
    | string
    | number
    | boolean
    | undefined
    | Handler
    | Readonly<Record<string, string>>
}

export type Child = Node | string | number | false | undefined | readonly Child[]

const SVG = new Set(['svg', 'path', 'polyline', 'circle', 'line', 'rect', 'g'])
const SVG_NAMESPACE = 'http://www.w3.org/2000/svg'
const described = new WeakMap<Element, Props>()

export function h(tag: string, props: Props = {}, ...children: readonly Child[]): Node {
  return { tag, props, children: flatten(children) }
}

/** Makes the children of `parent` what `children` say. */
export function patch(parent: Element, children: readonly (Node | string)[]): void {
  const keyed = new Map<string, Element>()
  for (const child of parent.children) {
    const key = described.get(child)?.key
    if (key !== undefined) keyed.set(key, child)
  }
  let at: ChildNode | null = parent.firstChild
  for (const child of children) {
    const existing = matching(child, at, keyed)
    const node = existing ?? create(child)
    if (node === at) at = at.nextSibling
    else parent.insertBefore(node, at)
    if (typeof child === 'string') {
      if (node.nodeValue !== child) node.nodeValue = child
    } else update(node as Element, child)
  }
  while (at) {
    const next: ChildNode | null = at.nextSibling
    at.remove()
    at = next
  }
}

function flatten(children: readonly Child[]): (Node | string)[] {
  const flat: (Node | string)[] = []
  for (const child of children) {
    if (child === false || child === undefined || child === '') continue
    if (typeof child === 'string' || typeof child === 'number') flat.push(String(child))
    else if ('tag' in child) flat.push(child)
    else flat.push(...flatten(child))
  }
  return flat
}

function matching(
  child: Node | string,
  at: ChildNode | null,
  keyed: ReadonlyMap<string, Element>,
): ChildNode | undefined {
  if (typeof child === 'string') return at instanceof Text ? at : undefined
  const { key } = child.props
  const candidate = key === undefined ? at : (keyed.get(key) ?? null)
  if (!(candidate instanceof Element) || candidate.localName !== child.tag) return undefined
  return described.get(candidate)?.key === key ? candidate : undefined
}

function create(child: Node | string): ChildNode {
  if (typeof child === 'string') return document.createTextNode(child)
  return SVG.has(child.tag)
    ? document.createElementNS(SVG_NAMESPACE, child.tag)
    : document.createElement(child.tag)
}

function update(element: Element, { props, children }: Node): void {
  const before = described.get(element) ?? {}
  described.set(element, props)
  for (const name of new Set([...Object.keys(before), ...Object.keys(props)]))
    if (before[name] !== props[name]) setProperty(element, name, before[name], props[name])
  patch(element, children)
}

function setProperty(element: Element, name: string, before: Props[string], value: Props[string]): void {
  if (name === 'key') return
  if (name === 'vars') {
    const style = (element as HTMLElement | SVGElement).style
    for (const [variable, text] of Object.entries((value ?? {}) as Record<string, string>))
      style.setProperty(variable, text)
    return
  }
  if (name.startsWith('on')) {
    if (typeof before === 'function') element.removeEventListener(name.slice(2), before)
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    return
  }
  // What a person set since stays unless the description changed.
  if (name === 'checked' && element instanceof HTMLInputElement) element.checked = value === true
  if (typeof value === 'object' || typeof value === 'function') return
  if (name === 'value' && element instanceof HTMLSelectElement) {
    const wanted = String(value)
    queueMicrotask(() => (element.value = wanted))
    return
  }
  if (value === undefined || value === false) element.removeAttribute(name)
  else element.setAttribute(name, value === true ? '' : String(value))
}
