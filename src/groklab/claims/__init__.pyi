from .committed import Verdicts as Verdicts
from .evidence import Evidence as Evidence
from .evidence import evidence_in as evidence_in
from .ledger import Entry as Entry
from .ledger import entries as entries
from .page import write as write
