"""The messages of REP-155 that the node uses.

These definitions follow the text of the REP and have the names and types of `hri_msgs` 2.3, so
that bags and other nodes are none the wiser.
"""

from __future__ import annotations

from support.message_packages import MessagePackage

HRI_MSGS = MessagePackage(
    'hri_msgs',
    'std_msgs',
    {
        # The ids that are tracked at present.
        'IdsList': """
        std_msgs/Header header
        string[] ids
        """,
        # Two ids that belong together; a confidence of 0 says that they do not.
        'IdsMatch': """
        int8 UNSET=0
        int8 PERSON=1
        int8 FACE=2
        int8 BODY=3
        int8 VOICE=4
        string id1
        int8 id1_type
        string id2
        int8 id2_type
        float32 confidence
        """,
        # What was recognised: so far, or at last.
        'LiveSpeech': """
        std_msgs/Header header
        string incremental
        string final
        float64 confidence
        string locale
        """,
        # A face's expression by name and on the circumplex.
        'Expression': """
        std_msgs/Header header
        string NEUTRAL="neutral"
        string ANGRY="angry"
        string SAD="sad"
        string HAPPY="happy"
        string SURPRISED="surprised"
        string DISGUSTED="disgusted"
        string SCARED="scared"
        string expression
        float32 valence
        float32 arousal
        float32 confidence
        """,
        # One intensity for each code of FACS from 0 to 98.
        'FacialActionUnits': """
        std_msgs/Header header
        float32[99] intensity
        float32[99] confidence
        """,
        # A region in shares of the image.
        'NormalizedRegionOfInterest2D': """
        std_msgs/Header header
        float32 xmin
        float32 ymin
        float32 xmax
        float32 ymax
        float32 c
        """,
    },
)
