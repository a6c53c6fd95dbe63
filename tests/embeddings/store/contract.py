"""What every vector store has to do; an implementation passes by subclassing `StoreContract` with a `store` fixture."""

from tests.embeddings.store.contract_alias import AliasContract
from tests.embeddings.store.contract_joint import JointContract
from tests.embeddings.store.contract_labels import LabelsContract
from tests.embeddings.store.contract_reading import ReadingContract
from tests.embeddings.store.contract_rows import RowsContract
from tests.embeddings.store.contract_search import SearchContract


class StoreContract(RowsContract, ReadingContract, SearchContract, LabelsContract, AliasContract, JointContract):
    """Subclasses give `store`."""
