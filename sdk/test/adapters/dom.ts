// As much of a document as react-dom needs to mount, update and unmount elements and text.

class FakeNode {
  readonly nodeType: number
  readonly nodeName: string
  readonly ownerDocument = document_
  readonly namespaceURI = 'http://www.w3.org/1999/xhtml'
  readonly style = {}
  parentNode: FakeNode | null = null
  childNodes: FakeNode[] = []
  text = ''

  constructor(nodeType: number, nodeName: string) {
    this.nodeType = nodeType
    this.nodeName = nodeName
  }

  get tagName(): string {
    return this.nodeName
  }
  get firstChild(): FakeNode | null {
    return this.childNodes[0] ?? null
  }
  get lastChild(): FakeNode | null {
    return this.childNodes.at(-1) ?? null
  }
  get nextSibling(): FakeNode | null {
    const siblings = this.parentNode?.childNodes ?? []
    return siblings[siblings.indexOf(this) + 1] ?? null
  }
  get nodeValue(): string {
    return this.text
  }
  set nodeValue(text: string) {
    this.text = text
  }
  get textContent(): string {
    return this.text + this.childNodes.map((child) => child.textContent).join('')
  }
  set textContent(text: string) {
    this.childNodes = []
    this.text = text
  }
  appendChild(child: FakeNode): FakeNode {
    return this.insertBefore(child, null)
  }
  insertBefore(child: FakeNode, next: FakeNode | null): FakeNode {
    child.parentNode?.removeChild(child)
    this.childNodes.splice(next ? this.childNodes.indexOf(next) : this.childNodes.length, 0, child)
    child.parentNode = this
    return child
  }
  removeChild(child: FakeNode): FakeNode {
    this.childNodes.splice(this.childNodes.indexOf(child), 1)
    child.parentNode = null
    return child
  }
  setAttribute(): void {}
  removeAttribute(): void {}
  addEventListener(): void {}
  removeEventListener(): void {}
  contains(): boolean {
    return false
  }
}

const document_: Record<string, unknown> = {
  nodeType: 9,
  nodeName: '#document',
  activeElement: null,
  addEventListener() {},
  removeEventListener() {},
  createElement: (name: string) => new FakeNode(1, name.toUpperCase()),
  createTextNode(text: string) {
    const node = new FakeNode(3, '#text')
    node.text = text
    return node
  },
}
const window_ = { document: document_, HTMLIFrameElement: class {}, addEventListener() {}, removeEventListener() {} }
document_.defaultView = window_
document_.documentElement = document_.body = new FakeNode(1, 'BODY')

Object.assign(globalThis, { window: window_, document: document_, IS_REACT_ACT_ENVIRONMENT: true })

/** A place to render into; `textContent` is what a person reads there. */
export const place = (): Element & { textContent: string } => new FakeNode(1, 'DIV') as never
