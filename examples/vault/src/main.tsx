import { createRoot } from 'react-dom/client'
import { Page, Notes } from '../../shared/parts.tsx'
createRoot(document.getElementById('app')!).render(<Page name="Vault" ways={<button className="secondary small">Sign out</button>}><div className="intro"><p className="eyebrow">x</p><h1>Good evening</h1><p className="lead">hello</p></div><Notes notes={[{id:'1', text:'Hi there'},{id:'2',text:'Leave this tab open for a week. You will still be logged in.'}]} add={async()=>{}} remove={async()=>{}}/></Page>)
