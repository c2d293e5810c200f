from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from tulip_ops.core.types import AcquisitionId

tiles = st.builds(
    "{:02d}{}{}{}".format,
    st.integers(1, 60),
    st.sampled_from("CDEFGHJKLMNPQRSTUVWX"),
    st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ"),
    st.sampled_from("ABCDEFGHJKLMNPQRSTUV"),
)
ids = st.builds(
    AcquisitionId,
    st.sampled_from(["S2A", "S2B", "S2C", "S2D", "SIM"]),
    tiles,
    st.dates(date(2015, 6, 23), date(2099, 12, 31)),
    st.integers(0, 999),
    st.sampled_from(["L1C", "L2A"]),
)


@given(ids)
def test_spelling_and_parsing_are_inverse(acquisition_id: AcquisitionId) -> None:
    assert AcquisitionId.parse(str(acquisition_id)) == acquisition_id
